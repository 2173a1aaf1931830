#!/usr/bin/env python3
"""CTranslate2 Whisper model.bin -> whisper.cpp ggml f16.  numpy only.
usage: ct2_to_ggml.py model.bin vocabulary.(txt|json) out.bin"""
import sys, json, struct, numpy as np
from ct2 import read_ct2

def mel_filters(n_mels=80, sr=16000, n_fft=400):
    """Slaney mel bank, identical to openai-whisper assets/mel_filters.npz (librosa.filters.mel)."""
    def hz2mel(f): return np.where(f>=1000, 15+np.log(np.maximum(f,1e-9)/1000)/(np.log(6.4)/27), f*3/200)
    def mel2hz(m): return np.where(m>=15, 1000*np.exp(np.log(6.4)/27*(m-15)), m*200/3)
    freqs=np.linspace(0,sr/2,n_fft//2+1)
    pts=mel2hz(np.linspace(hz2mel(np.float64(0)),hz2mel(np.float64(sr/2)),n_mels+2))
    d=np.diff(pts); r=pts[:,None]-freqs[None]
    w=np.maximum(0,np.minimum(-r[:-2]/d[:-1,None], r[2:]/d[1:,None]))
    return (w*(2/(pts[2:]-pts[:-2]))[:,None]).astype(np.float32)

def byte_decoder():
    bs=list(range(33,127))+list(range(161,173))+list(range(174,256)); cs=bs[:]; n=0
    for b in range(256):
        if b not in bs: bs.append(b); cs.append(256+n); n+=1
    return {chr(c):b for b,c in zip(bs,cs)}

def vocab(path):
    if path.endswith('.json'): toks=json.load(open(path,encoding='utf-8'))
    else: toks=open(path,encoding='utf-8').read().split('\n')
    bd=byte_decoder(); out=[]
    for t in toks:                      # base BPE tokens only, stop at the first special one;
        if t.startswith('<|endoftext'): break   # whisper.cpp makes the names of the others itself
        out.append(bytes(bd[c] for c in t))
    return out

def tensors(v):
    """CT2 names -> openai names"""
    yv={}
    for side in ('encoder','decoder'):
        L=sum(k.startswith(side+'/layer_') and k.endswith('/self_attention/linear_0/weight') for k in v)
        yv[f'{side}.positional_embedding']=v[f'{side}/position_encodings/encodings']
        ln='ln_post' if side=='encoder' else 'ln'
        yv[f'{side}.{ln}.weight']=v[f'{side}/layer_norm/gamma']; yv[f'{side}.{ln}.bias']=v[f'{side}/layer_norm/beta']
        for i in range(L):
            s=f'{side}/layer_{i}/'; d=f'{side}.blocks.{i}.'
            def lin(a,b): yv[d+b+'.weight']=v[s+a+'/weight']; yv[d+b+'.bias']=v[s+a+'/bias']
            def norm(a,b): yv[d+b+'.weight']=v[s+a+'/gamma']; yv[d+b+'.bias']=v[s+a+'/beta']
            # self attention: linear_0 = rows [q;k;v]; linear_1 = out.  The k bias is zeros in CT2, absent in Whisper.
            w,b=v[s+'self_attention/linear_0/weight'],v[s+'self_attention/linear_0/bias']
            q,k,vv=np.split(w,3); bq,bk,bv=np.split(b,3); assert not bk.any()
            yv[d+'attn.query.weight']=q; yv[d+'attn.query.bias']=bq; yv[d+'attn.key.weight']=k
            yv[d+'attn.value.weight']=vv; yv[d+'attn.value.bias']=bv
            lin('self_attention/linear_1','attn.out'); norm('self_attention/layer_norm','attn_ln')
            lin('ffn/linear_0','mlp.0'); lin('ffn/linear_1','mlp.2'); norm('ffn/layer_norm','mlp_ln')
            if side=='decoder':      # cross attention: linear_0 = q, linear_1 = rows [k;v], linear_2 = out
                lin('attention/linear_0','cross_attn.query'); lin('attention/linear_2','cross_attn.out')
                k,vv=np.split(v[s+'attention/linear_1/weight'],2); bk,bv=np.split(v[s+'attention/linear_1/bias'],2); assert not bk.any()
                yv[d+'cross_attn.key.weight']=k; yv[d+'cross_attn.value.weight']=vv; yv[d+'cross_attn.value.bias']=bv
                norm('attention/layer_norm','cross_attn_ln')
    for c in ('conv1','conv2'):
        yv[f'encoder.{c}.weight']=v[f'encoder/{c}/weight']; yv[f'encoder.{c}.bias']=v[f'encoder/{c}/bias'].reshape(-1,1)
    yv['decoder.token_embedding.weight']=v['decoder/embeddings/weight']
    return yv

def main(src,voc,dst):
    name,rev,v=read_ct2(src); assert name=='WhisperSpec',name
    assert all(a.dtype!=np.int8 or a.ndim==0 for a in v.values()),'int8 CT2 models would need dequantising'
    t=tensors(v); toks=vocab(voc)
    nv,ns=t['decoder.token_embedding.weight'].shape
    hp=dict(n_vocab=nv,n_audio_ctx=t['encoder.positional_embedding'].shape[0],n_audio_state=ns,n_audio_head=int(v['encoder/num_heads']),
        n_audio_layer=sum(k.startswith('encoder.') and k.endswith('attn.key.weight') for k in t),
        n_text_ctx=t['decoder.positional_embedding'].shape[0],n_text_state=ns,n_text_head=int(v['decoder/num_heads']),
        n_text_layer=sum(k.startswith('decoder.') and k.endswith('.attn.key.weight') for k in t),
        n_mels=t['encoder.conv1.weight'].shape[1],ftype=1)
    print(hp,'base tokens',len(toks),'tensors',len(t))
    f32={'encoder.conv1.bias','encoder.conv2.bias','encoder.positional_embedding','decoder.positional_embedding'}
    with open(dst,'wb') as f:
        f.write(struct.pack('<I',0x67676d6c)); f.write(struct.pack('<11i',*hp.values()))
        m=mel_filters(hp['n_mels']); f.write(struct.pack('<2i',*m.shape)); f.write(m.tobytes())
        f.write(struct.pack('<i',len(toks)))
        for b in toks: f.write(struct.pack('<i',len(b))); f.write(b)
        for n,a in t.items():
            half=a.ndim>=2 and n not in f32
            a=np.ascontiguousarray(a,dtype=np.float16 if half else np.float32); nb=n.encode()
            f.write(struct.pack('<3i',a.ndim,len(nb),int(half)))
            for dim in reversed(a.shape): f.write(struct.pack('<i',dim))
            f.write(nb); f.write(a.tobytes())
if __name__=='__main__': main(*sys.argv[1:])
