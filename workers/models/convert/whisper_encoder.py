# CT2 whisper -> ONNX encoder (dynamic T), f32; optional int8 (dynamic) of the linear layers. numpy + onnx only.
import sys; sys.path.insert(0,'.')  # ct2read.py
import numpy as np,onnx
from onnx import helper as h,TensorProto as T,numpy_helper as nh
from ct2 import read_ct2
from whisper_ggml import tensors
src,dst=sys.argv[1:3]; mode='f32'
_,_,v=read_ct2(src); t=tensors(v); H=int(v['encoder/num_heads']); L=sum(k.startswith('encoder.') and k.endswith('attn.key.weight') for k in t); D=t['encoder.positional_embedding'].shape[1]; dh=D//H
N=[];I=[]
def c(n,a): I.append(nh.from_array(np.ascontiguousarray(a),n)); return n
k=0
def op(o,*i,**a):
    global k; k+=1; n=f'{o}_{k}'; N.append(h.make_node(o,list(i),[n],**a)); return n
def lin(x,n,w,b):
    w=np.asarray(w,np.float32).T
    if mode=='int8':
        s=(np.abs(w).max(0)/127).astype(np.float32); q=np.round(w/s).astype(np.int8)
        y=op('MatMulInteger',*lin_q(x),c(n+'.q',q),XQ[x][2]); y=op('Cast',y,to=T.FLOAT); y=op('Mul',y,op('Mul',XQ[x][1],c(n+'.s',s)))
    else: y=op('MatMul',x,c(n+'.w',w))
    return op('Add',y,c(n+'.b',np.asarray(b,np.float32))) if b is not None else y
XQ={}
def lin_q(x):
    if x not in XQ:
        global k; k+=1; o=[f'dq{k}_{j}' for j in range(3)]; N.append(h.make_node('DynamicQuantizeLinear',[x],o)); XQ[x]=o
    return (XQ[x][0],)
def ln(x,p): return op('LayerNormalization',x,c(p+'.g',t[p+'.weight'].astype(np.float32)),c(p+'.bb',t[p+'.bias'].astype(np.float32)),axis=-1,epsilon=1e-5)
G=lambda n:t[n].astype(np.float32)
def gelu(x): return op('Gelu',x)
x=gelu(op('Conv','mel',c('c1w',G('encoder.conv1.weight')),c('c1b',G('encoder.conv1.bias').ravel()),kernel_shape=[3],pads=[1,1]))
x=gelu(op('Conv',x,c('c2w',G('encoder.conv2.weight')),c('c2b',G('encoder.conv2.bias').ravel()),kernel_shape=[3],pads=[1,1],strides=[2]))
x=op('Transpose',x,perm=[0,2,1]); n=op('Slice',op('Shape',x),c('one',np.array([1])),c('two',np.array([2])))
x=op('Add',x,op('Slice',c('pe',G('encoder.positional_embedding')),c('zero',np.array([0])),n,c('ax0',np.array([0]))))
sh=c('sh',np.array([0,0,H,dh])); sb=c('sb',np.array([0,0,D]))
for i in range(L):
    p=f'encoder.blocks.{i}.'; y=ln(x,p+'attn_ln'); s=dh**-.5
    if mode=='int8': lin_q(y)
    q=lin(y,p+'q',t[p+'attn.query.weight'].astype(np.float32)*s,G(p+'attn.query.bias')*s); kk=lin(y,p+'k',t[p+'attn.key.weight'],None); vv=lin(y,p+'v',t[p+'attn.value.weight'],G(p+'attn.value.bias'))
    a='mha_%d'%i; N.append(h.make_node('MultiHeadAttention',[q,kk,vv],[a],domain='com.microsoft',num_heads=H,scale=1.0))
    if mode=='int8': lin_q(a)
    x=op('Add',x,lin(a,p+'o',t[p+'attn.out.weight'],G(p+'attn.out.bias'))); y=ln(x,p+'mlp_ln')
    if mode=='int8': lin_q(y)
    y=gelu(lin(y,p+'f1',t[p+'mlp.0.weight'],G(p+'mlp.0.bias')))
    if mode=='int8': lin_q(y)
    x=op('Add',x,lin(y,p+'f2',t[p+'mlp.2.weight'],G(p+'mlp.2.bias')))
x=ln(x,'encoder.ln_post'); N[-1].output[0]='out'
m=h.make_model(h.make_graph(N,'enc',[h.make_tensor_value_info('mel',T.FLOAT,['B',80,'F'])],[h.make_tensor_value_info('out',T.FLOAT,['B','T',D])],I),opset_imports=[h.make_opsetid('',20),h.make_opsetid('com.microsoft',1)]); m.ir_version=9
onnx.save(m,dst); print(dst,L,H,D)
